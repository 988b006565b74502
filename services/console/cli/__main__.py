"""python -m services.console.cli"""

from services.console.cli.app import main

if __name__ == "__main__":
    main()
