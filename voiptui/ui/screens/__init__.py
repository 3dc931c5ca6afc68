"""What is shown over a pane: help, questions, pickers, the command line."""
