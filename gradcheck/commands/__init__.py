"""What the command line can do: one file a command, loaded when it is called.

Each has ``parser()``, its arguments, and ``run(arguments)``, which returns the exit code.
"""

#: Name of each command, in the order of the help: what it does.
COMMANDS = {
    "check": "Examine hand-written backprops: a function loss_and_grads, or an interface known.",
    "report": "Run the implementations over checks, worked examples and planted bugs.",
    "bugs": "List the catalogue of backprop bugs, or explain one of them.",
    "new": "Write a file to complete: forward and loss are there, the gradient is missing.",
}
