"""The one life of everything that is derived: it is loaded, follows the catalogue, is saved, and is built anew."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived import limits as limits_module
from seealso.collection.derived.building import Builder
from seealso.collection.derived.checkpoints import Checkpoints
from seealso.collection.derived.loader import Loader
from seealso.collection.derived.missing import Lookup, held_by
from seealso.collection.derived.scratch import remove_left
from seealso.collection.derived.snapshots import Snapshots
from seealso.collection.derived.source import Record, Source
from seealso.collection.derived.state import State
from seealso.collection.derived.view import View
from seealso.errors import CollectionError, FormatError, SeealsoError
from seealso.interfaces.derived import Derived

log = logging.getLogger("seealso")

D = TypeVar("D", bound=Derived[Any])
A = TypeVar("A")

REMEDY = "run `seealso rebuild`"
PATIENCE = 1.0  # seconds that a query waits for whoever changes the thing; then it takes what there is
FOLLOW_SECONDS = 0.5  # between two replays of what was committed without its content


class Keeper(Generic[D]):
    """Looks after something derived.

    The catalogue and the store are the truth. A query replays a short tail of what is missing, in memory; if more is missing,
    it sees what a snapshot holds, and a list of the rest (`view`). Only a writer replays everything, trains, saves and builds
    anew; it does so between the beginning and the end of `writing`. One that was made with other options than the configuration
    says is used as it was made, by both, until it is rebuilt.

    `view` may be called from any thread at any time; the other methods by the one writer.

    Args:
        source: where it comes from.
        directory: where its snapshots are.
    """

    def __init__(self, source: Source[D], directory: Path) -> None:
        self._source = source
        self._snapshots = Snapshots(directory)
        self._limits = limits_module.LIMITS
        self._loader = Loader(source, self._snapshots, lambda: directory if self._following else None)
        self._builder = Builder(source, self._loader)
        self._checkpoints = Checkpoints(self._limits, source.bytes_each)
        self._lock = threading.RLock()  # held while it is changed
        self._state: State[D] | None = None
        self._lookup = Lookup(source, self._limits)
        self._following = False  # whether a writer is at work in this process
        self._followed = 0.0

    @property
    def part(self) -> D | None:
        """The thing itself; None where nothing was loaded and nothing was built."""
        return None if self._state is None else self._state.part

    @property
    def askable(self) -> D | None:
        """The thing itself, however far behind it may be; None where it cannot be asked."""
        state = self._state
        return state.part if state is not None and self._answers(state) else None

    @property
    def applied(self) -> int:
        """The number of the newest change of which it holds everything."""
        return 0 if self._state is None else self._state.applied

    @property
    def saved(self) -> int | None:
        """The number of the change that its newest snapshot holds, as far as is known here."""
        return None if self._state is None else self._state.saved

    @property
    def made_by(self) -> Record | None:
        """What made the one that is asked; None where there is nothing that can be asked."""
        state = self._state
        return state.made_by if state is not None and self._answers(state) else None

    # Queries

    def view(self, catalog: Catalog) -> View[D]:
        """What a query sees: the thing itself, and what it does not hold. It takes no longer, however much is missing.

        Raises:
            CollectionError: too much is missing to answer; says what to run.
        """
        state = self._state
        # A plain look first: nearly every query finds that there is nothing to do, and takes no lock.
        if state is None or state.applied < catalog.change() or state.made_by != self._source.made_by:
            if self._lock.acquire(timeout=PATIENCE):
                try:
                    self._come_near(catalog)
                finally:
                    self._lock.release()
            state = self._state
        self._warn_if_other(state)
        asked = state if state is not None and self._answers(state) else None
        missing = self._lookup.missing(catalog, asked)
        part, listed = (None if asked is None else asked.part), missing.added
        if self._source.bytes_each and listed is not None:
            return View(part, listed, missing.removed)
        if asked is None and missing.more_than(self._limits.tail) and not self._source.dispensable:
            raise CollectionError(self._refusal(state, catalog))
        # Those that are listed are more than may be counted in no time.
        unsearched = catalog.counts().objects - held_by(asked) if listed is None else listed.size
        return View(part, removed=missing.removed, unsearched=max(0, int(unsearched)))

    def ask(self, catalog: Catalog, question: Callable[[View[D]], A]) -> A:
        """The answer to a question about `view`. Where the thing turns out to be damaged, another one is asked, or none."""
        view = self.view(catalog)
        try:
            return question(view)
        except FormatError as error:
            if not self._do_without(view.part, error):
                raise
            return question(self.view(catalog))

    def _do_without(self, part: D | None, error: FormatError) -> bool:
        """Let go of something that is damaged, with a warning; False for what was built here, which building cannot mend."""
        with self._lock:
            state = self._state
            if state is None or state.part is not part:
                # Another one has taken its place already.
                return part is not None
            if state.origin is None:
                return False
            self._loader.refuse(state.origin, error)
            self._take(None)
            return True

    @contextmanager
    def _unless_damaged(self, state: State[D]) -> Iterator[None]:
        """Where something that was loaded turns out to be damaged, it is as if it had never been there."""
        try:
            yield
        except FormatError as error:
            if not self._do_without(state.part, error):
                raise

    def _answers(self, state: State[D]) -> bool:
        return state.trained and self._source.answers(state.made_by)

    def _come_near(self, catalog: Catalog) -> None:
        """Replay what is missing where that is little; else take a newer snapshot where there is one."""
        state, tail = self._state, self._limits.tail
        as_wanted = state is not None and state.made_by == self._source.made_by and not state.outgrown(catalog)
        if not self._following and (not as_wanted or self._is_behind(catalog, tail)):
            self._take_newer(catalog)
            state = self._state
        if (state is not None and not self._source.answers(state.made_by)) or self._is_behind(catalog, tail):
            # What only a writer can change.
            return
        if self._awaited:
            return
        if state is None and self._source.dispensable and not self._following:
            # Queries do without, rather than that each process makes one of its own.
            return
        if state is None and self._source.anything(catalog):
            state = self._state = self._loader.empty(self._source.made_by)
        if state is None or (self._following and not state.trained):
            # The writer trains it on more than there is now.
            return
        with self._unless_damaged(state):
            while state.train(catalog) and state.applied < catalog.change():
                state.step(catalog)
            return
        self._come_near(catalog)

    @property
    def _awaited(self) -> bool:
        """Whether there is nothing, and a thread builds it; or could not, and it can be done without."""
        if self._state is not None or self._builder.idle:
            return False
        return self._builder.busy or self._source.dispensable

    def _is_behind(self, catalog: Catalog, objects: int) -> bool:
        """Whether more objects than so many are missing of what can be asked."""
        state = self._state
        if state is not None and state.too_old(catalog):
            return True
        asked = state if state is not None and self._answers(state) else None
        return self._lookup.missing(catalog, asked).more_than(objects)

    def _refusal(self, state: State[D] | None, catalog: Catalog) -> str:
        what, objects = self._source.what, catalog.counts().objects
        if state is not None and state.trained:
            reason = f"the {what} was made {self._source.difference(state.made_by)}"
        else:
            reason = f"the {what} is not built"
        return (
            f"collection {self._source.collection}: {reason}, and its {objects:,} objects are too many to be searched without "
            "one; run `seealso rebuild`"
        )

    # Snapshots

    def open(self, catalog: Catalog) -> None:
        """Load the newest snapshot that can be used."""
        with self._lock:
            self._take_newer(catalog)

    def _take_newer(self, catalog: Catalog) -> None:
        """Take the newest snapshot where it is better than what there is; let go of what is too old."""
        if self._state is not None and self._state.too_old(catalog):
            self._take(None)
        found = self._loader.newest(catalog, self._state)
        if found is not None:
            self._take(found)

    def _take(self, state: State[D] | None) -> None:
        """Put another one in the place of what there is; queries that are under way go on with that."""
        before, self._state = self._state, state
        if before is not None:
            before.release()

    def _warn_if_other(self, state: State[D] | None) -> None:
        if state is None or state.made_by == self._source.made_by:
            return
        answers = self._source.answers(state.made_by)
        if answers and self._source.left_open:
            # Whoever changed it over was killed before that was recorded; the next writer does it.
            return
        how = "it is used as it was made" if answers else "queries do without it"
        difference = self._source.difference(state.made_by)
        self._source.warn(f"the {self._source.what} was made {difference}; {how} until `seealso rebuild`")

    # Writing

    @contextmanager
    def writing(self, catalog: Catalog, *, anew: bool = False) -> Iterator[None]:
        """Follow a writer: replay what is missing before it begins, and save when it ends, whatever ends it.

        Args:
            catalog: the catalogue.
            anew: it is about to be rebuilt, so nothing is replayed before.
        """
        self._following = True
        self._builder.may_build()
        try:
            remove_left(self._snapshots.directory)
            if not anew:
                self._prepare(catalog)
            yield
            self.catch_up(catalog)
            self.finish()
            self._save_if_worthwhile()
            if self._state is None and self._source.anything(catalog):
                # It turned out to be damaged when it was saved.
                self.catch_up(catalog)
                self._save()
        except BaseException:
            self._rescue(catalog)
            raise
        finally:
            self._following = False

    def _prepare(self, catalog: Catalog) -> None:
        with self._lock:
            self._take_newer(catalog)
            if self._state is not None and self._state.applied > catalog.change():
                # The catalogue comes from a backup: what follows would have the numbers of changes that were seen already.
                self._log_building("it holds changes that the catalogue does not know")
                self._take(self._loader.empty(self._source.made_by))
            if self._state is None and self._source.anything(catalog):
                self._log_building("there is no snapshot that can be used")
        # Not before one is loaded: an older one, or that of an earlier release, may be needed in its place.
        if self.saved is not None:
            self._snapshots.remove_unheld()
        self._warn_if_other(self._state)
        self.catch_up(catalog)

    def _log_building(self, reason: str, level: int = logging.WARNING) -> None:
        log.log(level, "collection %s: building the %s anew: %s", self._source.collection, self._source.what, reason)

    def catch_up(self, catalog: Catalog) -> None:
        """Apply every change that the catalogue knows, however much that is; checkpoints are saved on the way."""
        with self._lock:
            if self._state is not None and self._state.too_old(catalog):
                self._log_building("removals that it has not seen were forgotten")
                self._take(self._loader.empty(self._source.made_by))
        while True:
            with self._lock:
                # Anew each time: another one may have taken its place, or it was damaged.
                if self._awaited:
                    break
                if self._state is None and self._source.anything(catalog):
                    self._state = self._loader.empty(self._source.made_by)
                state = self._state
                if state is None or not state.train(catalog) or state.applied >= catalog.change():
                    break
                with self._unless_damaged(state):
                    self._checkpoints.came(state.step(catalog))
                if self._checkpoints.due:
                    self._save()
        self._renew_if_outgrown(catalog)

    def committed(
        self, catalog: Catalog, change: int, ids: np.ndarray | None = None, content: Any | None = None
    ) -> None:
        """Something was committed as ``change``: apply it, and save a checkpoint where one is due.

        Args:
            catalog: the catalogue.
            change: the number of the change.
            ids: the objects that were added, perhaps none; None: what was added is read from the catalogue, now and then.
            content: theirs.
        """
        if ids is None:
            if time.monotonic() - self._followed > FOLLOW_SECONDS:
                self.catch_up(catalog)
                self._followed = time.monotonic()
            return
        with self._lock:
            self._checkpoints.came(int(ids.size))
            state = self._state
            if self._awaited:
                return
            if state is None:
                state = self._state = self._loader.empty(self._source.made_by)
            if state.trained and state.applied == change - 1:
                with self._unless_damaged(state):
                    if ids.size:
                        state.part.add(ids, content)
                    state.applied = change
            if self._checkpoints.due and (state.trained or catalog.counts().objects >= state.part.sample_size):
                self.catch_up(catalog)
                self._save()
        self._renew_if_outgrown(catalog)

    def save(self) -> None:
        """Write a snapshot of all that was applied, and make it the current one."""
        self.finish()
        self._save()

    def _save_if_worthwhile(self) -> None:
        """Write a snapshot where the next reader would otherwise have more than a little to replay."""
        with self._lock:
            spare = self._source.spare
            if self.saved is None or not spare or self._checkpoints.objects > spare:
                self._save()

    def _save(self) -> None:
        with self._lock:
            state = self._state
            if state is None or not state.trained or state.saved == state.applied:
                return
            started = time.monotonic()
            with self._unless_damaged(state):
                self._snapshots.save(state.applied, state.made_by, state.part.save, state.among)
                state.saved = state.applied
                self._checkpoints.saved(time.monotonic() - started)

    def _rescue(self, catalog: Catalog) -> None:
        """Save what there is before an error, or Ctrl-C, ends the writer; replay what is missing first, if that takes seconds."""
        self._builder.give_up()
        self.finish()
        try:
            with self._lock:
                if self._state is not None and not self._is_behind(catalog, self._checkpoints.most):
                    self.catch_up(catalog)
                self._save()
        except Exception as error:
            # Nothing is lost: the next writer replays it.
            log.info("collection %s: the %s was not saved (%s)", self._source.collection, self._source.what, error)

    # Building anew

    def rebuild(self, catalog: Catalog, made_by: Record | None = None) -> None:
        """Build it from the catalogue and the store; then it takes the place of the one before.

        Args:
            catalog: the catalogue.
            made_by: what makes it from now on; None: what the configuration says.
        """
        self.finish()
        with self._lock:
            self._take_newer(catalog)
        self._log_building("as asked", logging.INFO)
        made_by = made_by or self._source.made_by
        if self._state is None and self._builder.idle:
            # Nothing is spoilt by checkpoints: there is no whole one that they would replace.
            self._source.made_by = made_by
            self.catch_up(catalog)
        else:
            self._keep_to(self._builder.build(catalog, made_by), catalog)
        self._save()
        if self._state is not None and not self._state.trained:
            self._snapshots.remove_all()

    def try_out(self, catalog: Catalog) -> None:
        """Build it in memory as the configuration says, however a snapshot was made, and have this process ask it. Nothing is
        written."""
        self._replace_by(self._builder.build(catalog, self._source.made_by), catalog)

    def _replace_by(self, fresh: State[D], catalog: Catalog) -> None:
        """Bring it up to date, and only then put it in the place of what there is: queries go on meanwhile."""
        with self._lock:
            while fresh.trained and fresh.applied < catalog.change():
                fresh.step(catalog)
            self._take(fresh)

    def _keep_to(self, fresh: State[D], catalog: Catalog) -> None:
        """Put it in the place of what there is, and from now on have all made as it was."""
        with self._lock:
            self._replace_by(fresh, catalog)
            self._source.made_by = fresh.made_by

    def change_over(self, catalog: Catalog, made_by: Record) -> bool:
        """Have one built that is made so, beside what there is, and keep to it; a thread does it, and queries go on. Whether that was begun:
        not where one is being built already, or could not be."""
        if not self._builder.idle:
            return False
        self._log_building("the number of objects asks for it", logging.INFO)
        self._builder.begin(catalog, made_by, self._keep_to)
        return True

    def _renew_if_outgrown(self, catalog: Catalog) -> None:
        """Build a new one of the same kind beside this one where that has outgrown its training; a thread does it."""
        state = self._state
        if self._builder.idle and state is not None and self._following and state.outgrown(catalog):
            self._log_building("there are many more objects than it was trained among", logging.INFO)
            self._builder.begin(catalog, state.made_by, self._replace_by)

    @property
    def changing(self) -> bool:
        """Whether a thread is building it."""
        return self._builder.busy

    def finish(self) -> None:
        """Wait for what is being built beside, where anything is."""
        self._builder.finish()

    # Upkeep

    def verify(self, catalog: Catalog) -> list[str]:
        """What is wrong with it, or is not as the catalogue has it, one line each; empty when all is well. O(n)."""
        # First, and alone where anything is: who looks further into what is damaged may come to harm.
        problems, compared = self._snapshots.verify()
        try:
            if not problems:
                self.view(catalog)
                state = self._state
                if state is not None and state.trained:
                    # The files of what was loaded from there were read just now.
                    known = compared is not None and state.origin == compared
                    problems = [] if known else state.part.verify()
                    problems = problems + self._source.compare(state.part, catalog, state.applied)
                problems = problems or self._loader.refusals()
        except SeealsoError as error:
            problems.append(str(error))
        return [problem if REMEDY in problem else f"{problem}; {REMEDY}" for problem in problems]

    def statistics(self, catalog: Catalog) -> dict[str, int | float | str]:
        """What it says of itself; and, where it is behind, ``missing``: how many objects it does not hold yet. O(1)."""
        with suppress(SeealsoError):
            self.view(catalog)
        state = self._state
        found: dict[str, int | float | str] = {"objects": 0, "bytes": 0}
        if state is not None:
            with self._unless_damaged(state):
                found = dict(state.part.statistics())
        # Of words only those that are described could be counted, which takes long.
        missing = catalog.counts().objects - int(found["objects"]) if self._source.bytes_each else 0
        return found | {"missing": missing} if missing > 0 else found

    def close(self) -> None:
        """Let go of the thing and its snapshot."""
        self._builder.give_up()
        self.finish()
        with self._lock:
            if self._state is not None:
                self._state.close()
                self._state = None
