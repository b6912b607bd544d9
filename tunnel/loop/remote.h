// tunnel/loop/remote.h: an object that lives on one loop, as objects of other loops know it: work
// is posted to it, and is dropped when it is gone by then.
#pragma once
#include <memory>
#include <utility>

#include "tunnel/loop/mailbox.h"

namespace culvert::loop {

template <class T>
class Remote {
 public:
  Remote() = default;  // nobody
  // `mailbox`: of the loop that it lives on; outlives all copies.
  Remote(T& object, Mailbox& mailbox) : cell_(std::make_shared<Cell>(Cell{&object, mailbox})) {}

  // Any thread. Runs work(object) there, never at once.
  template <class Work>
  void post(Work work) const {
    cell_->mailbox.post([cell = cell_, work = std::move(work)]() mutable {
      if (cell->object != nullptr) work(*cell->object);
    });
  }
  Mailbox& mailbox() const { return cell_->mailbox; }

  // In the thread of that loop alone.
  T* object() const { return cell_->object; }       // null: it is gone
  void forget() const { cell_->object = nullptr; }  // it is; for all copies

  explicit operator bool() const { return cell_ != nullptr; }
  bool operator==(const Remote&) const = default;

 private:
  struct Cell {
    T* object;
    Mailbox& mailbox;
  };
  std::shared_ptr<Cell> cell_;
};

}  // namespace culvert::loop
