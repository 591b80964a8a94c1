"""What numpy does with the cores of the machine: it leaves all but one alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["voice_assistant", "benchmarks"])
@pytest.mark.parametrize(("wish", "threads"), [(None, "1"), ("2", "2")])
def test_products_are_computed_on_one_thread_unless_somebody_wants_more(
    package: str, wish: str | None, threads: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if wish:
        environment["OPENBLAS_NUM_THREADS"] = wish
    asked = f"import {package}, os, sys; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"

    said = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, check=True)

    assert said.stdout.split() == [b"False", threads.encode()]
