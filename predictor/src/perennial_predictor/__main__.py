"""``perennial-predictor``, which is ``python -m perennial_predictor`` too."""

import gc
import os

gc.disable()  # while modules are imported there is nothing to free
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")  # sought in all that is installed
from perennial_predictor.main import main  # noqa: E402

gc.freeze()  # nor in what they hold, which would be looked through twice before the first answer
gc.enable()

if __name__ == "__main__":
    main()
