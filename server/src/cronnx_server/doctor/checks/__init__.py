"""One concept a module: each takes the repositories, some the machine too, and gives findings."""
