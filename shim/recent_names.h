// shim/recent_names.h: virtual addresses that the agent has told of names within the last quarter
// of a second, so that a program that connects to one name again and again does not wake the agent
// for each look-up. A few names, in memory of the process alone. Any number of threads, signal
// handlers and forked children may use it: nobody waits, and who would have to, does without.
#pragma once
#include <stdint.h>

namespace culvert::shim {

// `name` as the program wrote it, shorter than CULVERT_NAME_MAX. False: not known.
bool find_recent_name(const char* name, uint8_t (&ip)[4]);
void remember_name(const char* name, const uint8_t* ip);

}  // namespace culvert::shim
