// agent/unseen.h: what a person types at a terminal does not show while this lives.
#pragma once
#include <termios.h>

namespace culvert::agent {

class Unseen {
 public:
  explicit Unseen(int terminal);
  ~Unseen();
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;

 private:
  int terminal_;
  termios before_{};
  bool changed_ = false;
};

}  // namespace culvert::agent
