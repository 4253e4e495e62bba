#pragma once
int other(int n);
int calls_back(int (*function)(int), int n);
int generated(int n);
