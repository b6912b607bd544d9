// agent/status_reply.h: the text of `culvert status` on its way to an asker who may read slowly.
#pragma once
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "agent/asker.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/fd_watch.h"

namespace culvert::agent {

class StatusReplies;

// Handed to the core; dropped unanswered, the asker sees the end of file.
class StatusQuestion {
 public:
  StatusQuestion(UniqueFd socket, const Asker& asker, std::weak_ptr<StatusReplies> replies);
  const Asker& asker() const { return asker_; }
  void answer(std::string text);  // once

 private:
  UniqueFd socket_;
  Asker asker_;
  std::weak_ptr<StatusReplies> replies_;  // weak: the gate, which owns it, may be gone
};

class StatusReply final : private loop::FdWatch::Listener {
 public:
  StatusReply(loop::Loop& loop, UniqueFd socket, std::string text, StatusReplies& owner);

 private:
  friend class StatusReplies;
  void on_fd_ready(loop::FdWatch& watch, bool readable, bool writable) override;

  UniqueFd socket_;
  std::string text_;
  std::size_t sent_ = 0;
  StatusReplies& owner_;
  std::list<StatusReply>::iterator self_;
  std::optional<loop::FdWatch> watch_;
};

class StatusReplies {
 public:
  static constexpr std::size_t kMost = 16;  // at once; the oldest is dropped for a new one
  explicit StatusReplies(loop::Loop& loop) : loop_(loop) {}
  void send(UniqueFd socket, std::string text);

 private:
  friend class StatusReply;
  loop::Loop& loop_;
  std::list<StatusReply> replies_;
};

}  // namespace culvert::agent
