#pragma once
void shapes(int n);
