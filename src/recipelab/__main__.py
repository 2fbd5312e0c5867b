"""`python -m recipelab`."""

from recipelab.cli import main

raise SystemExit(main())
