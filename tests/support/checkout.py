"""What a new user has after `git clone`: the files of this checkout that git knows or would take, and nothing else."""

import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]


def copy_checkout(target: Path) -> None:
    """Copy them as they are now, so that what is not yet committed is tried too."""
    listing = ["git", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (TOP / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, target / name)
