"""Why a shared library cannot be loaded, in words with a cure."""

_SIGNS = (
    (("libusb",), "needs libusb: apt install libusb-1.0-0"),
    (
        ("wrong ELF class", "invalid ELF header", "Exec format error"),
        "was built for another processor; install the package of this machine's architecture",
    ),
    (
        ("version `", "undefined symbol"),
        "does not fit the libraries of this system; install one that was built for it",
    ),
    (("cannot open shared object file",), "there is no such library; install it, or give its path"),
)


def why_not_loaded(error: OSError) -> str:
    """What the dynamic linker means."""
    text = " ".join(str(error).split())
    for signs, said in _SIGNS:
        if any(sign in text for sign in signs):
            return f"{said} ({text})"
    return f"cannot be loaded ({text})"
