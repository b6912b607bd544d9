// agent/pool_file.h: keeps an address pool in a file (mode 0600, replaced as a whole by rename).
// Changes are gathered for kBatch, so a burst of new names is one write.
#pragma once
#include <string>

#include "resolver/address_pool.h"
#include "tunnel/loop/timer.h"

namespace culvert::agent {

class PoolFile final : private loop::Timer::Listener {
 public:
  static constexpr std::chrono::seconds kBatch{1};

  // The pool must outlive the file.
  PoolFile(loop::Loop& loop, std::string path, resolver::AddressPool& pool);
  ~PoolFile();  // saves what is still unsaved

  // No file is an empty pool. A damaged one is set aside as PATH.damaged (logged): the names get
  // the same addresses again, by their hashes, but for collisions. kIo if it cannot be read.
  Result<void> load();
  void changed();  // call after using the pool; costs nothing if nothing changed
  Result<void> save();

 private:
  void on_timer(loop::Timer& timer) override;

  std::string path_;
  resolver::AddressPool& pool_;
  loop::Timer timer_;
  bool unsaved_ = false;
};

}  // namespace culvert::agent
