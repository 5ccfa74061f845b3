"""The checks. Each is a function from what was read to findings; `diagnosis` lists them."""
