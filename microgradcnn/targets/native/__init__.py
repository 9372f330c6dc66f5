"""What the jit backend is made of: programs in LLVM's language, and that compiled for this machine."""
