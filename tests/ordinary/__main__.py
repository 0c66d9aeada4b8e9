"""All directories that ``left_out.yaml`` names. The exit code: 0 where what is left out is what stands there."""

import sys

from tests.ordinary.running import run, written


def main() -> int:
    wrong = 0
    for directory, expected in written().items():
        done = run("-n", "auto", "--dist", "loadgroup", directory)
        left_out = {test.partition("@")[0]: reason for test, reason in done.left_out.items()}
        print(f"{directory}: {len(done.passed)} passed, {len(left_out)} left out")
        if done.code:
            print(done.output)
        for test in sorted(left_out.keys() | expected.keys()):
            if left_out.get(test) != expected.get(test):
                print(f"  {test}: left out because {left_out.get(test)}; written: {expected.get(test)}")
                wrong = 1
        wrong = wrong or done.code
    return wrong


if __name__ == "__main__":
    sys.exit(main())
