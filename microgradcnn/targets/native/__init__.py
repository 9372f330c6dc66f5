"""Programs as LLVM IR, compiled for this machine: the jit backend."""
