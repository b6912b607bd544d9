// tunnel/loop/handle.h: ownership of libuv handles.
#pragma once
#include <uv.h>

#include <memory>
#include <type_traits>

namespace culvert::loop {

// uv_close() is asynchronous: the handle's memory must outlive the owner until the close callback.
// So each handle lives on the heap, its owner holds this pointer, and dropping the pointer closes
// the handle, detaches the owner (data = nullptr) and frees the memory later.
struct CloseHandle {
  template <class H>
  void operator()(H* handle) const noexcept {
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) { delete reinterpret_cast<H*>(closed); });
  }
};
template <class H>
using Handle = std::unique_ptr<H, CloseHandle>;

// Handle<uv_timer_t> timer = make_handle<uv_timer_t>(this, uv_timer_init, loop);
// Null if `init` failed, in which case there was nothing to close.
template <class H, class Owner, class... Args>
Handle<H> make_handle(Owner* owner, int (*init)(uv_loop_t*, H*, Args...), uv_loop_t* loop,
                      std::type_identity_t<Args>... args) {
  auto raw = std::make_unique<H>();
  if (init(loop, raw.get(), args...) < 0) return nullptr;
  raw->data = owner;
  return Handle<H>{raw.release()};
}

// Turns a member function into the C callback that libuv wants:
//   uv_timer_start(timer_.get(), Callback<&Heartbeat::on_due>::call, 1000, 0);
// Calls nothing once the owner is gone.
template <auto Method>
struct Callback;
template <class Owner, class... Args, void (Owner::*Method)(Args...)>
struct Callback<Method> {
  template <class H>
  static void call(H* handle, Args... args) {
    if (auto* owner = static_cast<Owner*>(handle->data)) (owner->*Method)(args...);
  }
};

}  // namespace culvert::loop
