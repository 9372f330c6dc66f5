"""The commands of the command line, each in a module of its name with `arguments` and what it does, `run`."""

# In the order of the help, which says this of each. A module is loaded when its command is called.
COMMANDS = {
    "networks": "list the six networks of the lecture, and lenet",
    "lesson": "build, differentiate, check and train all six networks, and write the lesson's pages: the main job",
    "new": "write a file with two networks, to make a course of your own from it",
    "train": "train a network on a CSV, NPZ or IDX file, or on a data set by name",
    "predict": "predict with the parameters that train wrote",
    "export": "write a trained network, and the scaling of its inputs, as an ONNX file",
    "gradcheck": "check every gradient of a network against the other ways to find it",
    "source": "print the program of a loss and its gradients, forward and backward",
    "explain": "derive a gradient step by step, as the lecture does",
    "check": "check a formula for a gradient, and name the mistake if it is wrong",
    "ledger": "list every addition into a gradient, in the order of the backward pass",
    "worksheet": "write a worksheet about the gradients of a graph, an answer file to fill in, and the key",
    "grade": "mark a folder of answer files with the key of their worksheet",
    "graph": "draw a graph with every value and gradient, as a picture or a page to step through",
    "cost": "count the operations of one iteration of gradient descent, as polynomials",
}
