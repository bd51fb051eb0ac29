"""List what lies in a store, page by page, and find what a pattern matches."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from edge_srcnn.batch.stores.address import StoreUrl
from edge_srcnn.batch.stores.failures import has_code
from edge_srcnn.batch.stores.filesystems import path_of
from edge_srcnn.batch.stores.retrying import ask
from edge_srcnn.errors import NoInput, UsageError

FILE, FOLDER = "file", "folder"
PAGE = 1000
"""Objects that S3 lists at a time: its most."""

_MAGIC = frozenset("*?[")
_EVERYTHING = "**"


def kind_of(url: StoreUrl, *, writing: bool = False) -> str | None:
    """Ask what stands under a name.

    Parameters
    ----------
    url
        The name.
    writing
        It is asked since something is to be written there.

    Returns
    -------
    ``FILE``, ``FOLDER`` (also where objects only begin like this), or None.

    Raises
    ------
    EdgeSrcnnError
        The store cannot be reached or refuses, or the bucket is missing.
    """

    def look(filesystem: Any) -> str | None:
        try:
            info = filesystem.info(path_of(filesystem, url))
        except FileNotFoundError as error:
            if has_code(error, "NoSuchBucket") or (url.scheme == "s3" and not url.path):
                raise
            return None
        except PermissionError:
            if url.scheme != "s3":
                raise
            return _listed_kind(filesystem, url)
        return FOLDER if info["type"] == "directory" else FILE

    return ask(url, look, writing=writing)


def _listed_kind(filesystem: Any, url: StoreUrl) -> str | None:
    """Ask S3 by a listing: it may be allowed where a look is not, and tells why where it is not, either."""
    page = filesystem.call_s3("list_objects_v2", Bucket=url.authority, Prefix=url.path, MaxKeys=1)
    found = [str(entry["Key"]) for entry in page.get("Contents", ())]
    if url.path in found:
        return FILE
    return FOLDER if not url.path or any(key.startswith(f"{url.path.rstrip('/')}/") for key in found) else None


def has_pattern(url: StoreUrl) -> bool:
    """Tell whether the path of a URL is a pattern: ``*``, ``?``, ``[...]``, ``**``."""
    return not url.is_web and not _MAGIC.isdisjoint(url.path)


def files_below(folder: StoreUrl) -> Iterator[StoreUrl]:
    """List the files below a folder, in the order of the store, while they are asked for; what is hidden is left out.

    Parameters
    ----------
    folder
        A folder, or what names begin with.

    Yields
    ------
    Their names.
    """
    if folder.scheme == "s3":
        yield from _objects_below(folder)
        return
    for entry, is_folder in _entries(folder):
        if entry.name.startswith("."):
            continue
        if is_folder:
            yield from files_below(entry)
        else:
            yield entry


def files_matching(pattern: StoreUrl) -> Iterator[StoreUrl]:
    """List the files that a pattern matches; ``**`` stands for folders in any number.

    Parameters
    ----------
    pattern
        A URL with ``*``, ``?``, ``[...]`` or ``**`` in its path.

    Yields
    ------
    Their names.
    """
    parts = pattern.path.split("/")
    fixed = next(index for index, part in enumerate(parts) if not _MAGIC.isdisjoint(part))
    root = pattern.store / "/".join(parts[:fixed]) if fixed else pattern.store
    wanted = parts[fixed:]
    if any(_EVERYTHING in part and part != _EVERYTHING for part in wanted):
        raise UsageError(f"{pattern}: ** stands for whole folders, as in {pattern.store}/**/*.jpg")
    if _EVERYTHING not in wanted:
        yield from _expanded(root, wanted)
        return
    below = len(root.path) + 1 if root.path else 0
    for found in files_below(root):
        if _fits(found.path[below:].split("/"), wanted):
            yield found


def _expanded(folder: StoreUrl, wanted: list[str]) -> Iterator[StoreUrl]:
    """Go down the folders that a pattern without ``**`` matches."""
    part, *rest = wanted
    try:
        entries = list(_entries(folder))
    except NoInput:  # it is no folder
        return
    for entry, is_folder in entries:
        if entry.name.startswith(".") and not part.startswith("."):
            continue
        if fnmatchcase(entry.name, part) and is_folder == bool(rest):
            yield from _expanded(entry, rest) if rest else (entry,)


def _fits(parts: list[str], wanted: list[str]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == _EVERYTHING:
        return any(_fits(parts[count:], wanted[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _entries(folder: StoreUrl) -> Iterator[tuple[StoreUrl, bool]]:
    """List a folder by name: each entry, and whether it is a folder itself."""
    found = ask(folder, lambda filesystem: filesystem.ls(path_of(filesystem, folder).rstrip("/") or "/", detail=True))
    names: dict[str, bool] = {}
    for entry in found:
        name = str(entry["name"]).rstrip("/").rpartition("/")[2]
        if name and not (folder.scheme == "s3" and str(entry["name"]).endswith("/")):  # the folder's own mark
            names[name] = entry["type"] == "directory"
    for name in sorted(names):
        yield folder / name, names[name]


def _objects_below(folder: StoreUrl) -> Iterator[StoreUrl]:
    """List S3's objects by their full names, a thousand at a time, without a request for each folder."""
    prefix = f"{folder.path.rstrip('/')}/" if folder.path.rstrip("/") else ""
    options: dict[str, Any] = {"Bucket": folder.authority, "Prefix": prefix, "MaxKeys": PAGE}
    while True:
        page = ask(folder, lambda filesystem: filesystem.call_s3("list_objects_v2", **options))
        for entry in page.get("Contents", ()):
            relative = str(entry["Key"])[len(prefix) :]
            if relative and not relative.endswith("/") and not any(p.startswith(".") for p in relative.split("/")):
                yield folder / relative
        if not page.get("IsTruncated"):
            return
        options["ContinuationToken"] = page["NextContinuationToken"]
