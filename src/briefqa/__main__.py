"""`python -m briefqa` is the command line."""

from briefqa.cli import main

if __name__ == "__main__":
    main()
