// shim/own_symbols.h: what this library defines, beside what libc does under the same names.
#pragma once
#include "shim/elf_image.h"

namespace culvert::shim {

// Where the object begins that holds `address`; null if none does.
const void* start_of_object(const void* address);
const void* start_of_libc();

// Of this library.
ElfImage own_image();

// Ours of that name, if it is what everybody else finds: a program may define its own connect().
const void* own_function(const char* name);

}  // namespace culvert::shim
