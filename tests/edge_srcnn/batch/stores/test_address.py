"""URLs of stores as people write them: what is a path, what is a name, and what is refused."""

import pickle
from pathlib import Path

import pytest

from edge_srcnn.batch.stores.address import StoreUrl, read_location
from edge_srcnn.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photos/a.png", Path("photos/a.png")),
        ("/photos/a b#1.png", Path("/photos/a b#1.png")),
        ("file:///photos/a.png", Path("/photos/a.png")),
        ("local:///photos/a.png", Path("/photos/a.png")),
        ("s3:/bucket/a.png", Path("s3:/bucket/a.png")),
        ("s3://bucket", StoreUrl("s3", "bucket", "")),
        ("s3://bucket/", StoreUrl("s3", "bucket", "")),
        ("S3A://bucket/in/", StoreUrl("s3", "bucket", "in/")),
        ("s3://bucket/in/a b#1?x=%20é.png", StoreUrl("s3", "bucket", "in/a b#1?x=%20é.png")),
        ("s3://bucket//a", StoreUrl("s3", "bucket", "/a")),
        ("s3://bucket/user@host:1/a.png", StoreUrl("s3", "bucket", "user@host:1/a.png")),
        ("gcs://bucket/a", StoreUrl("gs", "bucket", "a")),
        ("ssh://me@host:22/in/a.png", StoreUrl("sftp", "me@host:22", "in/a.png")),
        ("sftp://me:p%40ss@host/~/a.png", StoreUrl("sftp", "me:p%40ss@host", "~/a.png")),
        ("memory://in/a.png", StoreUrl("memory", "in", "a.png")),
        ("https://host/a.png?size=2", StoreUrl("https", "host", "a.png?size=2")),
    ],
)
def test_a_name_is_a_path_or_a_name_in_a_store(text, expected):
    assert read_location(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3://", "names no bucket"),
        ("s3:///in/a.png", "names no bucket"),
        ("s3://AKIAEXAMPLE:wJalrXUtnFEMI@bucket/in/", "credentials do not belong in the URL"),
        ("s3://AKIAEXAMPLE:wJal/rXUtnFEMI@bucket/in/", "credentials do not belong in the URL"),
        ("sftp://me:wJal/rXUtnFEMI@host/in/", "write it as %2F"),
        ("sftp://me:wJal#rXUtnFEMI@host/in/", "write it as %23"),
        ("sftp://me:wJalrXUtnFEMI@host:port/in/", "cannot be read"),
        ("zip://a.png::s3://bucket/a.zip", "chains of URLs"),
        ("simplecache::s3://bucket/a.png", "chains of URLs"),
        ("rtsp://me:wJalrXUtnFEMI@camera/stream", "edge-srcnn run --source"),
    ],
)
def test_what_cannot_be_read_is_refused_without_a_word_of_its_password(text, told):
    with pytest.raises(UsageError, match=told) as raised:
        read_location(text)
    assert not any(part in str(raised.value) for part in ("wJal", "rXUtn"))


@pytest.mark.parametrize(
    ("text", "name", "suffix", "shown"),
    [
        ("s3://bucket/in/a.b.png", "a.b.png", ".png", "s3://bucket/in/a.b.png"),
        ("s3://bucket/in/", "in", "", "s3://bucket/in/"),
        ("s3://bucket/in/what?#1.JPG", "what?#1.JPG", ".JPG", "s3://bucket/in/what?#1.JPG"),
        ("sftp://me:wJalrXUtnFEMI@host/in/a.png", "a.png", ".png", "sftp://***@host/in/a.png"),
        ("https://host/in/a.png?sig=wJalrXUtnFEMI", "a.png", ".png", "https://host/in/a.png?***"),
    ],
)
def test_parts_of_a_name_are_those_of_a_path_and_what_is_shown_holds_no_password(text, name, suffix, shown):
    url = read_location(text)
    assert (url.name, url.suffix, str(url), url.text) == (name, suffix, shown, text)
    assert "wJal" not in repr(url)
    assert pickle.loads(pickle.dumps(url)) == url


def test_names_are_put_together_as_paths_are():
    folder = read_location("s3://bucket/in/")
    assert (folder / "a/b.png").text == "s3://bucket/in/a/b.png"
    assert (folder.store / "b.png").text == "s3://bucket/b.png"
    assert (folder / "a/b.png").parent.text == "s3://bucket/in/a"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("s3://bucket/a.png", "s3a://bucket/a.png", True),
        ("s3://bucket/a.png", "s3://bucket/A.png", False),
        ("sftp://me@host/a.png", "sftp://you:word@HOST/a.png", True),
        ("sftp://host/a.png", "sftp://host:2222/a.png", False),
        ("sftp://host/in/./a.png", "ssh://host/in//a.png", True),
    ],
)
def test_two_ways_to_write_one_name_are_the_same(one, other, same):
    assert read_location(one).same_as(read_location(other)) is same
