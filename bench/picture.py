#!/usr/bin/env python3
"""Draws docs/report.png, the first screen of the demo's report, for the README.

usage: picture.py [--report FILE] [--out FILE] [--width N] [--height N]

Takes the report that `make demo` left in hiddenq-demo/ and a headless Chromium, and writes the PNG.

Exit status: 0 it is written; 2 there is no report, or no Chromium.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--report", default=os.path.join(ROOT, "hiddenq-demo", "report.html"))
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "report.png"))
    parser.add_argument("--width", type=int, default=1040)
    parser.add_argument("--height", type=int, default=1400)
    arguments = parser.parse_args()
    browser = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
    if not os.path.exists(arguments.report) or not browser:
        print("picture: no report (run make demo)" if browser else "picture: no Chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
             f"--window-size={arguments.width},{arguments.height}", f"--screenshot={os.path.abspath(arguments.out)}",
             "file://" + os.path.abspath(arguments.report)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
