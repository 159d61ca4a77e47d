"""``python -m api.keys NAME`` makes an API key; see :mod:`api.auth.keyring`."""

import sys

from api.auth.keyring import main

if __name__ == "__main__":
    main(sys.argv[1:])
