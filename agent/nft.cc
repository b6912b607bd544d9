#include "agent/nft.h"

#include <dlfcn.h>

#include <cstdint>

namespace culvert::agent {

Result<void> run_nft(const std::string& commands, const std::string& kernel_needs) {
  void* library = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    return fail(ErrorCode::kIo, "the library libnftables is missing: install the package nftables");
  const auto make = reinterpret_cast<void* (*)(std::uint32_t)>(dlsym(library, "nft_ctx_new"));
  const auto drop = reinterpret_cast<void (*)(void*)>(dlsym(library, "nft_ctx_free"));
  const auto output = reinterpret_cast<int (*)(void*)>(dlsym(library, "nft_ctx_buffer_output"));
  const auto quiet = reinterpret_cast<int (*)(void*)>(dlsym(library, "nft_ctx_buffer_error"));
  const auto errors =
      reinterpret_cast<const char* (*)(void*)>(dlsym(library, "nft_ctx_get_error_buffer"));
  const auto run =
      reinterpret_cast<int (*)(void*, const char*)>(dlsym(library, "nft_run_cmd_from_buffer"));
  if (make == nullptr || drop == nullptr || output == nullptr || quiet == nullptr ||
      errors == nullptr || run == nullptr)
    return fail(ErrorCode::kIo, "libnftables is of another kind than 1.0: install Debian 12's");
  void* context = make(0);
  output(context);
  quiet(context);
  const bool done = run(context, commands.c_str()) == 0;
  const std::string why = done ? "" : errors(context);
  drop(context);
  if (done) return {};
  return fail(ErrorCode::kIo, "nftables refuses the rules (the kernel needs " + kernel_needs +
                                  "): " + why.substr(0, why.find('\n')));
}

}  // namespace culvert::agent
