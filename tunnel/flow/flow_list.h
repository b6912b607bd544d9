// tunnel/flow/flow_list.h: owns flows until they end by themselves. Whoever made the connection
// hands it over and is gone: of an idle stream nothing but its Flow is left.
#pragma once
#include <cstddef>
#include <functional>

#include "tunnel/base/unique_fd.h"
#include "tunnel/mux/frame.h"

namespace culvert::loop {
class Loop;
}
namespace culvert::session {
class SessionLink;
}

namespace culvert::flow {

class Flow;

class FlowList {
 public:
  FlowList() = default;
  FlowList(const FlowList&) = delete;
  FlowList& operator=(const FlowList&) = delete;
  ~FlowList() { clear(); }

  // Takes over the stream from its handler. The link must outlive the list, or tell its streams
  // that it goes down.
  void add(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream, UniqueFd socket);
  void clear();              // programs and far ends see a reset
  std::size_t size() const;  // counts them
  void for_each(const std::function<void(const Flow&)>& visit) const;

 private:
  friend class Flow;
  static void drop(Flow& flow);

  Flow* first_ = nullptr;
};

}  // namespace culvert::flow
