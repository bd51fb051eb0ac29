/* A library, but no delegate. */
int answer(void) { return 42; }
