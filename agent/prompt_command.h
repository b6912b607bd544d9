// agent/prompt_command.h: the process that asks a person whether a program may publish a port: on
// the program's own terminal, or, if it has none, in a dialog on its display (zenity, kdialog).
// Started by the agent, not by people; shares the terminal with the program for that long.
#pragma once
#include <span>
#include <string_view>

namespace culvert::agent {

inline constexpr std::string_view kPromptVerb = "prompt-publish";
inline constexpr int kPromptYes = 0, kPromptNo = 10, kPromptNobody = 11;  // exit statuses

// Arguments: process id, port, name of the program. Waits a minute for the answer.
int prompt_command(std::span<char* const> arguments);

}  // namespace culvert::agent
