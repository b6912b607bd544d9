// tunnel/base/overloaded.h: std::visit with one lambda per alternative.
#pragma once

namespace culvert {

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;  // clang 14 needs it spelled out

}  // namespace culvert
