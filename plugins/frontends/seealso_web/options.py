"""The options of the frontend ``web``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, StrictBool, StrictInt, field_validator

from seealso import PluginOptions, RelativePath


class WebOptions(PluginOptions):
    """Where it listens, whom it answers, and how much it does for one visitor."""

    host: str = Field(default="127.0.0.1", description="the address it listens at; 0.0.0.0: all of this machine's")
    port: StrictInt = Field(default=8080, ge=0, lt=1 << 16, description="the port; 0: any that is free")
    hosts: list[str] = Field(
        default_factory=list,
        description="names under which it is reached, beside localhost, this machine's own and addresses, as photos.example.org",
    )
    proxies: list[str] = Field(
        default_factory=list, description="addresses of reverse proxies, which are believed whom they speak for"
    )
    token: SecretStr | None = Field(
        default=None, description="what a visitor has to know, at least 16 characters; null: all are welcome"
    )
    queries_per_minute: StrictInt | None = Field(
        default=None, gt=0, description="searches and uploads of one visitor; null: no limit"
    )
    connections: StrictInt = Field(
        default=1024,
        gt=0,
        description="connections that are open at the same time, at most; half as many as files may be open where that is less",
    )
    connections_per_visitor: StrictInt | None = Field(
        default=300,
        gt=0,
        description="connections, and requests under way, of one address (of IPv6: of one /64 network); null: no limit",
    )
    idle_seconds: StrictInt = Field(
        default=5, gt=0, description="a connection is closed when its next request does not come for so long"
    )
    send_seconds: StrictInt = Field(
        default=30, gt=0, description="a client that takes nothing of what it is sent for so long is cut off"
    )
    locations: StrictBool = Field(default=True, description="show the folders that images lie in; false: names alone")
    originals: StrictBool = Field(default=True, description="let visitors download the files as they are")
    thumbnails: Literal["cache", "keep"] = Field(
        default="cache",
        description="keep: they are made while indexing and stay in the collection's directory, which can then be looked at "
        "when the originals are away; cache: made when they are looked at",
    )
    cache: RelativePath | None = Field(
        default=None, description="the folder for thumbnails and uploads; null: in the user's cache folder"
    )
    cache_megabytes: StrictInt = Field(default=1024, gt=0, description="thumbnails in the cache, at most")
    upload_megabytes: StrictInt = Field(default=20, gt=0, description="size of an upload, at most")
    upload_megapixels: StrictInt = Field(default=60, gt=0, description="pixels of an upload in millions, at most")
    upload_seconds: StrictInt = Field(default=30, gt=0, description="an upload that takes longer is cut off")
    uploads_at_once: StrictInt = Field(
        default=32, gt=0, description="uploads that are received at the same time, at most"
    )
    uploads_per_visitor: StrictInt | None = Field(
        default=16, gt=0, description="uploads of one address that are received at the same time; null: no limit"
    )
    upload_hours: StrictInt = Field(
        default=24, gt=0, description="how long an upload is kept, so that its page can be shared"
    )
    uploads_megabytes: StrictInt = Field(default=512, gt=0, description="all uploads that are kept, at most")
    queue_seconds: StrictInt = Field(
        default=5, gt=0, description="a query that has to wait longer for its turn is asked to come back later"
    )
    access_log: StrictBool = Field(default=True, description="a line on standard error for each request")

    @field_validator("token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < 16:
            raise ValueError("a token of less than 16 characters can be guessed; take a longer one")
        return token

    def cache_folder(self) -> Path:
        """Where thumbnails and uploads are."""
        if self.cache is not None:
            return self.cache
        import platformdirs

        return Path(platformdirs.user_cache_dir("seealso")) / "web"
