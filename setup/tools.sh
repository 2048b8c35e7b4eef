#!/bin/sh
# Says which tools are missing and how to get them, all at once.
missing=0
need() { # program, what it is, how to get it
    command -v "$1" >/dev/null 2>&1 && return
    echo "error: $2 (\`$1\`) is missing" >&2
    echo "  hint: $3" >&2
    missing=1
}
need "$1" "Rust's cargo" "https://rustup.rs"
need "$2" "Python 3" "Debian and Ubuntu: apt-get install python3 python3-pip"
need "${CXX:-c++}" "a C++ compiler" "Debian and Ubuntu: apt-get install g++"
if command -v "$2" >/dev/null 2>&1 && ! "$2" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "error: $2 is older than 3.9" >&2
    missing=1
fi
if [ "$(uname -sm)" != "Linux x86_64" ] && [ -z "$LIBTORCH$LIBTORCH_USE_PYTORCH" ]; then
    echo "error: the libtorch that make fetches is for Linux x86_64, this is $(uname -sm)" >&2
    echo "  hint: set LIBTORCH to a libtorch 2.13.0 for this machine" >&2
    missing=1
fi
exit $missing
