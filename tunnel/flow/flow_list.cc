#include "tunnel/flow/flow_list.h"

#include "tunnel/flow/flow.h"

namespace culvert::flow {

void FlowList::add(loop::Loop& loop, session::SessionLink& link, mux::StreamId stream,
                   UniqueFd socket) {
  auto flow = std::make_unique<Flow>(loop, link, stream, std::move(socket));
  flow->next_ = first_;
  if (first_ != nullptr) first_->place_ = &flow->next_;
  flow->place_ = &first_;
  first_ = flow.release();
}

void FlowList::drop(Flow& flow) {
  const std::unique_ptr<Flow> dropped(&flow);
  *flow.place_ = flow.next_;
  if (flow.next_ != nullptr) flow.next_->place_ = flow.place_;
}

std::size_t FlowList::size() const {
  std::size_t count = 0;
  for (const auto* flow = first_; flow != nullptr; flow = flow->next_) ++count;
  return count;
}

void FlowList::for_each(const std::function<void(const Flow&)>& visit) const {
  for (const auto* flow = first_; flow != nullptr; flow = flow->next_) visit(*flow);
}

void FlowList::clear() {
  while (first_ != nullptr) drop(*first_);
}

}  // namespace culvert::flow
