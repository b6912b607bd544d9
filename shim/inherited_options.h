// shim/inherited_options.h: what an accepted socket has from its listener (socket(7), tcp(7)).
#pragma once

namespace culvert::shim {

// Sets for `to` what `from` has: options that a program sets once, on its listener.
void copy_inherited_options(int from, int to);

}  // namespace culvert::shim
