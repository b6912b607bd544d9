// tests/unit/sanitized.h: whether AddressSanitizer is in this build, for tests of what it replaces.
// GCC says so by a macro, clang by a feature.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CULVERT_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CULVERT_SANITIZED 1
#endif

namespace culvert {
#ifdef CULVERT_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
}  // namespace culvert
