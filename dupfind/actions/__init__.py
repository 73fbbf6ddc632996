"""Act on copies so that nothing can be lost: plan, protocol, trash, undo. Files and paths, no database."""
