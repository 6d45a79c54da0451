"""``perennial-trainer``, which is ``python -m perennial_trainer`` too."""

import gc
import os
import sys

gc.disable()  # while modules are imported there is nothing to free
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # sought in all that is installed
# NumPy's and SciPy's threads wait 2**20 cycles for more to do, some 0.4 ms, before they sleep. By
# default that is 25 ms after each call that they shared, of a CPU that the next step could have.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402,F401 - which takes 0.06 s for rich, to write what is no JSON

del sys.modules["rich"]
from perennial_trainer.main import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
