// shim/own_table.h: where the program has all the descriptors that it may have, and its limit
// cannot be raised either (spare_descriptor.h), we get some of our own: from a thread that is there
// for this moment, and has a table of descriptors of its own. It is a thread of the program, as the
// agent asks the kernel who has asked, and the program hears of no child that ends.
#pragma once

namespace culvert::shim {

// `work` meanwhile finds none of the program's descriptors but `kept` (-1: none). Its caller waits,
// with all signals blocked. False: it has not been run, there can be no such thread.
bool with_own_table(int kept, void (*work)(void*), void* argument);

template <typename Work>
bool with_own_table(int kept, Work work) {
  return with_own_table(
      kept, [](void* that) { (*static_cast<Work*>(that))(); }, &work);
}

}  // namespace culvert::shim
