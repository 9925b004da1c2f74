"""The one program behind two names: as hubctl it is the operator's command line, as anything else the hub."""

import sys
from pathlib import Path

if Path(sys.argv[0]).name.startswith("hubctl"):
    from hubctl.__main__ import main
else:
    from dvic_hub.__main__ import main  # each name loads only its own half

if __name__ == "__main__":
    main()
