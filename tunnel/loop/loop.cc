#include "tunnel/loop/loop.h"

#include <cassert>
#include <new>

#include "tunnel/loop/last_words.h"

namespace culvert::loop {

void Deferred::schedule() {
  if (link_ != nullptr) return;
  next_ = loop_->first_;
  if (next_ != nullptr) next_->link_ = &next_;
  loop_->first_ = this;
  link_ = &loop_->first_;
}

void Deferred::leave_loop() {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  next_ = nullptr;
  link_ = nullptr;
}

Deferred::~Deferred() { leave_loop(); }

Loop::Loop() {
  if (uv_loop_init(&uv_) != 0) throw std::bad_alloc();
  poller_.emplace(&uv_);
  prepare_ = make_handle<uv_prepare_t>(this, uv_prepare_init, &uv_);
  uv_prepare_start(prepare_.get(), &Loop::on_prepare);
  uv_unref(reinterpret_cast<uv_handle_t*>(prepare_.get()));
}

Loop::~Loop() {
  last_words_.reset();
  prepare_.reset();
  spare_timers_.clear();
  poller_.reset();
  uv_run(&uv_, UV_RUN_DEFAULT);  // close callbacks
  [[maybe_unused]] const int leaked = uv_loop_close(&uv_);
  assert(leaked == 0 && "a handle outlived its loop");
}

LastWords& Loop::last_words() {
  if (!last_words_) last_words_ = std::make_unique<LastWords>(*this);
  return *last_words_;
}

TimePoint Loop::now() const { return TimePoint{std::chrono::milliseconds{uv_now(&uv_)}}; }

UnixTime Loop::wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

void Loop::on_prepare(uv_prepare_t* handle) {
  if (auto* self = static_cast<Loop*>(handle->data)) self->run_all_deferred();
}

// libuv learns of new descriptors of its own (signals) only when it runs.
void Loop::run() {
  poller_->run_libuv();
  while (!stopped_ && (first_ != nullptr || uv_loop_alive(&uv_) != 0)) run_once();
  stopped_ = false;
}

// Most turns are without libuv, which would be one more system call: only for its own events,
// timers that are due, and handles to be freed.
void Loop::run_once() {
  run_all_deferred();
  const bool libuv_ready = poller_->poll(stopped_ ? 0 : uv_backend_timeout(&uv_));
  if (libuv_ready || uv_backend_timeout(&uv_) == 0) poller_->run_libuv();
}

// Work may schedule more work, and may destroy other Deferreds: so always take the first.
void Loop::run_all_deferred() {
  while (first_ != nullptr) {
    Deferred* const work = first_;
    first_ = work->next_;
    if (first_ != nullptr) first_->link_ = &first_;
    work->next_ = nullptr;
    work->link_ = nullptr;
    work->run_deferred();
  }
}

}  // namespace culvert::loop
