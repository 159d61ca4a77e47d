"""``python -m api.keys NAME`` makes an API key; see :mod:`api.auth.keys`."""

import sys

from api.auth.keys import main

if __name__ == "__main__":
    main(sys.argv[1:])
