#pragma once
// What a call throws: its message, or a test of the message.

#include <gtest/gtest.h>

#include <concepts>
#include <string>

#include "tensor/check.h"

/// The message of the Error that the call throws; "" when it throws none.
template <std::invocable Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const tensor::Error& error) {
    return error.what();
  }
  return "";
}

/// The call must throw an Error whose message is one line and contains `part`.
template <std::invocable Call>
void expect_error(const Call& call, const std::string& part) {
  const std::string message = message_of(call);
  EXPECT_NE(message, "") << "no error; expected: " << part;
  EXPECT_NE(message.find(part), std::string::npos) << "the message is: " << message << "\nexpected: " << part;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}
