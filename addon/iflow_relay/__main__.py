"""`python -m iflow_relay` is `iflow-relay`."""

from .cli import main

if __name__ == "__main__":
    main()
