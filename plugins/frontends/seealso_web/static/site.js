// What a page can do beyond links and forms. Each part looks for its own elements, and does nothing where there are none.

import { cropping } from "./crop.js";
import { sending } from "./send.js";
import { moving } from "./keys.js";
import { showing, more } from "./grid.js";
import { suggesting } from "./suggest.js";

showing(document);
more();
sending();
cropping();
moving();
suggesting();
