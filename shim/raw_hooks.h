// shim/raw_hooks.h: programs that call the kernel by libc's syscall().
#pragma once

namespace culvert::shim {

void find_real_syscall();  // uses dlsym(), as find_real_functions()

// From now on syscall(SYS_connect, ...) and its like are what connect() is. For the constructor,
// where this program is under Culvert.
void put_hooks_into_raw_calls();

}  // namespace culvert::shim
