#include "agent/unseen.h"

namespace culvert::agent {

Unseen::Unseen(int terminal) : terminal_(terminal) {
  if (::tcgetattr(terminal_, &before_) != 0) return;
  auto silent = before_;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  changed_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
}

Unseen::~Unseen() {
  if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
}

}  // namespace culvert::agent
