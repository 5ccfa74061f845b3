"""How requests travel: the `Transport` protocol, gRPC, HTTP, shared memory and several servers as one."""
