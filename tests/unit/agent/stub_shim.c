/* tests/unit/agent/stub_shim.c: stands for the shim where only its being loaded matters. */
int culvert_stub_shim(void);
int culvert_stub_shim(void) { return 0; }
